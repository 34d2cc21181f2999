package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/validator"
)

// exampleLock is a lock file with two versions of one subject, as accord pull --lock writes it.
func exampleLock() []byte {
	f, err := os.CreateTemp("", "*.lock")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	err = client.WriteLock(f, client.Lock{Subjects: []client.LockSubject{{Subject: "shop.BasketChanged", Versions: []client.LockVersion{
		{Version: 1, GUID: validator.GUID{1}, Schema: json.RawMessage(`{"type":"object","required":["price"]}`)},
		{
			Version: 2, GUID: validator.GUID{2}, Schema: json.RawMessage(`{"type":"object","required":["cents"],"properties":{"cents":{"type":"integer"}}}`),
			Lens: json.RawMessage(`{"ops":[{"op":"rename","from":"/price","to":"/cents"},{"op":"scale","at":"/cents","exp10":2}]}`), Rev: 1,
		},
	}}}})
	if err != nil {
		log.Fatal(err)
	}
	lock, err := os.ReadFile(f.Name())
	if err != nil {
		log.Fatal(err)
	}
	return lock
}

type BasketChanged struct {
	Cents int64 `json:"cents"`
}

// A consumer that was built for version 2 reads an event of version 1. The lock file is all it needs; with a URL it
// would also learn of schemas that came later.
func ExampleNewDecoder() {
	reg, err := client.Open("", client.WithLock(exampleLock()))
	if err != nil {
		log.Fatal(err)
	}
	defer reg.Close()
	dec, err := client.NewDecoder(reg, client.For[BasketChanged]("shop.BasketChanged", 2), client.OnUnknown(client.Skip))
	if err != nil {
		log.Fatal(err)
	}
	old := client.Record{Value: []byte(`{"price":19.99}`), Headers: client.Headers{
		{Key: "__value_schema_id", Value: validator.AppendGUID(nil, validator.GUID{1})},
	}}
	ev, err := dec.Decode(context.Background(), old)
	if err != nil {
		log.Fatal(err)
	}
	switch data := ev.Data.(type) {
	case *BasketChanged:
		fmt.Println(data.Cents, "cents, written as version", ev.Upcast.From)
	}
	old.Value = []byte(`{"price":"a lot"}`)
	_, err = dec.Decode(context.Background(), old)
	fmt.Println(client.Class(err), err)
	// Output:
	// 1999 cents, written as version 1
	// poison shop.BasketChanged v1 to v2: ops[1] scale /cents: is of type string, not number
}

func ExampleNewEncoder() {
	reg, err := client.Open("", client.WithLock(exampleLock()))
	if err != nil {
		log.Fatal(err)
	}
	defer reg.Close()
	// readers still expect version 1, so that is what is written
	enc, err := client.NewEncoder(reg, client.Source("/services/shop"), client.TypePrefix("com.example"),
		client.For[BasketChanged]("shop.BasketChanged", 2, client.At(1)))
	if err != nil {
		log.Fatal(err)
	}
	rec, err := enc.Encode(context.Background(), client.Event{Data: BasketChanged{Cents: 1999}, Subject: "B-1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s %s\n", rec.Key, rec.Headers.Get("ce_type"), rec.Value)
	_, err = enc.Encode(context.Background(), client.Event{Data: "a string"})
	fmt.Println(errors.Is(err, client.ErrUnbound))
	// Output:
	// B-1 com.example.shop.BasketChanged {"price":19.99}
	// true
}

func ExampleDeadLetter() {
	rec := client.Record{Topic: "baskets", Offset: 42, Value: []byte(`{"price":`)}
	dead := client.DeadLetter(rec, "billing", 1, client.ErrMalformed)
	fmt.Println(dead.Topic, dead.Headers.Get("dlq-topic"), dead.Headers.Get("dlq-offset"), dead.Headers.Get("dlq-class"), string(dead.Value))
	// Output: billing.dlq baskets 42 poison {"price":
}
