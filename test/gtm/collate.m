collate ; what GT.M makes of constant expressions, one a line on standard input
	quit
	;
order ; stores nodes by lists of subscripts, then prints all references in the order of $QUERY
	new r kill ^x
	for  read r quit:$zeof  set @("^x("_r_")=1")
	set r="^x" for  set r=$query(@r) quit:r=""  write r,!
	quit
	;
sorted ; stores single subscripts, then prints them in the order of $ORDER
	new s kill ^x
	for  read s quit:$zeof  set @("^x("_s_")=1")
	set s="" for  set s=$order(^x(s)) quit:s=""  write $zwrite(s),!
	quit
	;
number ; prints the number that each string begins with, and whether the string is that number
	new s,x,n
	for  read s quit:$zeof  do one
	quit
one ;
	new $etrap set $etrap="write ""error"",! set $ecode="""" quit"
	set @("x="_s),n=+x
	write n,",",x=n,!
	quit
