package upcast_test

import (
	"fmt"
	"log"

	"github.com/accordhq/accord/upcast"
)

func ExampleCompile() {
	lens, err := upcast.Parse([]byte(`{"from": 1, "ops": [
		{"op": "rename", "from": "/price", "to": "/amount"},
		{"op": "scale",  "at": "/amount", "exp10": 2},
		{"op": "wrapAs", "at": "/amount", "key": "minor"},
		{"op": "add",    "at": "/amount/currency", "value": "EUR"}]}`))
	if err != nil {
		log.Fatal(err)
	}
	up, err := upcast.Compile(upcast.Up, lens)
	if err != nil {
		log.Fatal(err)
	}
	down, err := upcast.Compile(upcast.Down, lens)
	if err != nil {
		log.Fatal(err)
	}
	newer, trace, err := up.Run(nil, []byte(`{"id": 7, "price": 90071992547409.93}`), nil)
	fmt.Println(string(newer), trace.Inferred, err)
	older, trace, err := down.Run(nil, []byte(`{"id":7,"amount":{"minor":5,"currency":"USD"}}`), nil)
	fmt.Println(string(older), trace.Lost, err)
	_, _, err = up.Run(nil, []byte(`{"price":0.005}`), nil)
	fmt.Println(err)
	// Output:
	// {"id":7,"amount":{"minor":9007199254740993,"currency":"EUR"}} [/amount/currency] <nil>
	// {"id":7,"price":0.05} [/amount/currency] <nil>
	// v1 to v2: ops[1] scale /amount: does not come out whole
}
