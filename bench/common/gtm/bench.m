bench	; Loops of the GT.M subject: mumps -run LABEL^bench RECORDS MS [FIRST COUNT]
	quit
	;
setup	; records, ms, first, some, field(), text(): the records of records.ts, and which of them to use
	new filler,i
	set records=+$piece($zcmdline," ",1),ms=+$piece($zcmdline," ",2)
	set first=+$piece($zcmdline," ",3),some=+$piece($zcmdline," ",4)
	set field(0)="addr",field(1)="dob",field(2)="name",field(3)="sex"
	set filler="" for i=1:1:3 set filler=filler_"abcdefghijklmnopqrstuvwxyz0123456789"
	for i=0:1:1023 set text(i)=$extract("val-"_$translate($justify(i,4)," ","0")_"-"_filler,1,100)
	quit
	;
sequential	; load in key order
	new i
	do setup
	for i=0:1:records-1 set ^patient(i\4,field(i#4))=text(i#1024)
	view "EPOCH"
	set ^c(1)=0
	quit
	;
scattered	; load in the scattered order of records.ts
	new i,x
	do setup
	set x=12345
	for i=1:1:1048576 set x=(x*663608941+907633385)#1048576 if x<records set ^patient(x\4,field(x#4))=text(x#1024)
	view "EPOCH"
	set ^c(1)=0
	quit
	;
touch	; bring everything into the buffers
	new id,name,characters
	set (id,name)="",characters=0
	for  set id=$order(^patient(id)) quit:id=""  for  set name=$order(^patient(id,name)) quit:name=""  set characters=characters+$length(^patient(id,name))
	quit
	;
go	; pass 1: say that all is ready, warm up until the time one is told (microseconds since 1970), or not at all
	; pass 2: begin at that time, or at once
	set count=0
	if pass=1 write "ready",! read begins set ends=begins-20000 quit
	for  quit:$zut'<(+begins)
	set began=$zut,ends=began+(ms*1000)
	quit
	;
told	; operations a second
	write count/($zut-began)*1E6,!
	quit
	;
get	; W2
	do setup,touch
	new pass,i,x,characters
	set characters=0
	for pass=1,2 do go for  quit:$zut>ends  set count=count+1000 for i=1:1:1000 set x=$random(records),characters=characters+$length(^patient(x\4,field(x#4)))
	do told
	quit
	;
scan	; W3
	do setup,touch
	new pass
	for pass=1,2 do go
	new id,name,characters
	set (id,name)="",characters=0
	for  set id=$order(^patient(id)) quit:id=""  for  set name=$order(^patient(id,name)) quit:name=""  set characters=characters+$length(^patient(id,name)),count=count+1
	do told
	quit
	;
commit	; W4: one record a transaction; TCOMMIT waits until the journal is synced
	do setup
	new pass,x
	for pass=1,2 do go for  quit:$zut>ends  set count=count+1,x=$random(records) tstart ():serial  set ^patient(x\4,field(x#4))=text(count#1024) tcommit
	do told
	quit
	;
set	; W5: plain SET
	do setup,touch
	new pass,i,x
	for pass=1,2 do go for  quit:$zut>ends  set count=count+100 for i=1:1:100 set x=$random(records),^patient(x\4,field(x#4))=text((count+i)#1024)
	do told
	quit
	;
increment	; W6
	do setup
	new pass,i,x
	for pass=1,2 do go for  quit:$zut>ends  set count=count+100 for i=1:1:100 set x=$increment(^c(1))
	do told
	quit
	;
mixed	; nine gets, one SET
	do setup,touch
	new pass,i,j,x,characters
	set characters=0
	for pass=1,2 do go for  quit:$zut>ends  set count=count+100 for j=1:1:10 do
	. for i=1:1:9 set x=$random(records),characters=characters+$length(^patient(x\4,field(x#4)))
	. set x=$random(records),^patient(x\4,field(x#4))=text((count+j)#1024)
	do told
	quit
	;
ranged	; W7: nine gets, one SET, in the records from first on
	do setup,touch
	new pass,i,j,x,characters
	set characters=0
	for pass=1,2 do go for  quit:$zut>ends  set count=count+100 for j=1:1:10 do
	. for i=1:1:9 set x=first+$random(some),characters=characters+$length(^patient(x\4,field(x#4)))
	. set x=first+$random(some),^patient(x\4,field(x#4))=text((count+j)#1024)
	do told
	quit
	;
other	; W6 of another counter, in a global of its own
	do setup
	new pass,i,x
	for pass=1,2 do go for  quit:$zut>ends  set count=count+100 for i=1:1:100 set x=$increment(^d(1))
	do told
	quit
