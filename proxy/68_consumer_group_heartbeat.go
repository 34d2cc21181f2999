package proxy

import "fmt"

// maxSubscribed is how many topics of a group's member are remembered between two heartbeats that name them.
const maxSubscribed = 1_000

// consumerGroupHeartbeat: bytes. Who reads what is noted: a member names its topics when it joins and when they change
// (KIP-848).
func (c *conn) consumerGroupHeartbeat(req *request) error {
	h, err := req.header(true)
	if err != nil {
		return err
	}
	r := wire{b: req.frame[h.body:], flexible: true}
	group, _ := r.nullable()
	r.nullable() // member
	r.uint(4)    // epoch
	r.nullable() // instance
	r.nullable() // rack
	r.uint(4)    // rebalance timeout
	return c.noteMember(req, &h, group, &r)
}

// noteMember reads the topics that a heartbeat names, perhaps none, and notes them.
func (c *conn) noteMember(req *request, h *header, group []byte, r *wire) error {
	var topics []string
	for range r.array() {
		name, _ := r.nullable()
		if r.bad {
			break
		}
		if len(topics) < maxSubscribed {
			topics = append(topics, string(name))
		}
	}
	if r.bad {
		return fmt.Errorf("%w: heartbeat is cut (key %d, version %d)", errFrame, req.key, req.version)
	}
	if topics = topicsOf(topics); len(topics) > 0 {
		c.subscribed = subscription{string(group), topics}
	}
	if c.subscribed.group == string(group) {
		c.srv.observer.joined(reader{producer{h.clientID, *c.principal.Load()}, c.subscribed.group}, c.subscribed.topics)
	}
	return c.pass(req)
}

// subscription is what a member of a group last said that it reads.
type subscription struct {
	group  string
	topics []string
}
