differential ; runs what standard input says, a line an operation, and prints a line an answer
	new line
	use $principal:(width=1048576:nowrap)
	for  read line quit:$zeof  do:$extract(line)'="T" one tstart:line="TBEGIN" ():serial tcommit:line="TCOMMIT"  trollback:line="TROLLBACK"  write:$extract(line)="T" "done" write !
	quit
	;
one	; an operation; what it refuses is told by the error's name
	new $etrap,depth
	set depth=$tlevel,$etrap="goto refused^differential"
	xecute line
	quit
refused	; the error's name is the answer; a transaction of this operation alone is undone
	write "!",$piece($piece($zstatus,",",3),"-",3)
	trollback:$tlevel>depth -1
	set $ecode=""
	quit
	;
back(r)	; the node with a value before a reference; $query of GT.M goes forward only
	new p,s
up	if $qlength(r)=0 quit ""
	set p=$name(@r,$qlength(r)-1),s=$order(@r,-1)
	if s="",$data(@p)#10 quit p
	if s="" set r=p goto up
	set r=$name(@p@(s))
	for  quit:$data(@r)<10  set r=$name(@r@($order(@r@(""),-1)))
	quit r
	;
rep(text,count)	; a long text
	new all,i
	set all="" for i=1:1:count set all=all_text
	quit all
	;
walk(name)	; every node of a global, a line each
	new r
	set r="^"_name
	if $data(@r)#10 write r,"=",$zwrite(@r),!
	for  set r=$query(@r) quit:r=""  write r,"=",$zwrite(@r),!
	quit
