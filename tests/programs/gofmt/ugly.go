package   ugly
import ("os";"fmt")
// Point is a point.
type Point struct{ X,Y float64 // in metres
Name string `json:"name"`}
func ( p Point)String( )string{ return fmt.Sprintf("%v %v",p.X ,p.Y)}
func sum(numbers... int)(total int){
for _,n:=range numbers{if n>0{total+=n}else{total-=n*2+1}}
switch{case total>10:return total
default:
}
a:=[]Point{Point{1,2,""},Point{X:1e3,}}
for i:=0;i<len(a);i++{fmt.Fprintln(os.Stdout,a[i:len(a)])}
return}
