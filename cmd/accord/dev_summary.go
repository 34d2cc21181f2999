package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// samples are placed when the order system runs for the first time; the last one asks for more than there is.
var samples = []string{
	`{"customer":{"id":"CUST-1","givenName":"Grace","familyName":"Hopper","email":"grace@example.com"},"lines":[{"sku":"PROD-101","quantity":1},{"sku":"PROD-103","quantity":2}]}`,
	`{"customer":{"id":"CUST-2","givenName":"Ada","familyName":"Lovelace","email":"ada@example.com"},"lines":[{"sku":"PROD-102","quantity":1}]}`,
	`{"customer":{"id":"CUST-3","givenName":"Alan","familyName":"Turing"},"lines":[{"sku":"PROD-105","quantity":26}]}`,
}

// placeSamples places the sample orders if nobody has placed one yet, and returns how many it placed.
func placeSamples(ctx context.Context, shop string) (int, error) {
	at, err := newRemote("order system", shop)
	if err != nil {
		return 0, err
	}
	var placed []struct{}
	if err := at.call(ctx, "GET", "/orders", nil, &placed); err != nil {
		return 0, err
	}
	if len(placed) > 0 {
		return 0, nil
	}
	for _, order := range samples {
		if _, err := at.send(ctx, "POST", "/orders", "application/json", bytes.NewReader([]byte(order))); err != nil {
			return 0, fmt.Errorf("place a sample order: %w", err)
		}
	}
	return len(samples), nil
}

// devCluster is the id of the development broker's cluster.
const devCluster = "accord-dev"

// summary tells where everything is and what to try.
func (d *dev) summary(out io.Writer, placed int) {
	site, http, shop := d.listeners.site.Addr(), d.listeners.http.Addr(), d.listeners.orders.Addr()
	fmt.Fprintf(out, `
accord runs; everything is kept in %s, Ctrl-C ends it.

  registry and site   http://%s
  gate, Kafka         %s
  gate, HTTP          http://%s
  order system        http://%s
  bare broker         %s    for development only: one node, nothing replicated

`, d.options.data, site, d.listeners.kafka.Addr(), http, shop, d.listeners.broker.Addr())
	if placed > 0 {
		fmt.Fprintf(out, "%d sample orders are on their way. ", placed)
	}
	fmt.Fprintf(out, `Three things to try:

  1. Place an order, then watch it at http://%[1]s
     curl -s http://%[1]s/orders -H 'Content-Type: application/json' -d '%[2]s'

  2. Send an event that breaks its promise, and be told where
     curl -s 'http://%[3]s/v1/topics/orders.events/events' -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /me' \
       -H 'ce-type: com.example.orders.OrderPlaced' -H 'Content-Type: application/json' -d '{"orderId":""}'

  3. See what changed between two versions of an event, and whom it breaks
     http://%[4]s/events/orders.OrderPlaced/diff/2..3

`, shop, samples[1], http, site)
}
