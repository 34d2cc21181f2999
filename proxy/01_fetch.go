package proxy

import "fmt"

// fetch: bytes. The first request of a connection that names topics is read on the way, so that readers without a group are
// known too. From version 13 on topics have ids, known from answers about metadata.
func (c *conn) fetch(req *request) error {
	if c.fetched || c.srv.observer.Nothing {
		return c.pass(req)
	}
	h, err := req.header(req.version >= 12)
	if err != nil {
		return err
	}
	r := wire{b: req.frame[h.body:], flexible: req.version >= 12}
	if req.version < 15 {
		r.uint(4) // replica
	}
	r.take(4 + 4 + 4 + 1) // wait, least and most bytes, isolation
	if req.version >= 7 {
		r.take(4 + 4) // session
	}
	var topics []string
	for range r.array() {
		if req.version >= 13 {
			topics = append(topics, c.srv.topicIDs.name(r.take(16)))
		} else {
			name, _ := r.nullable()
			topics = append(topics, string(name))
		}
		for range r.array() {
			r.uint(4) // partition
			if req.version >= 9 {
				r.uint(4) // leader epoch
			}
			r.take(8) // offset
			if req.version >= 12 {
				r.uint(4) // last epoch fetched
			}
			if req.version >= 5 {
				r.take(8) // log start
			}
			r.uint(4) // most bytes
			r.tags()
			if r.bad {
				break
			}
		}
		r.tags()
		if r.bad || len(topics) > MaxPartitions {
			return fmt.Errorf("%w: fetch is cut (key %d, version %d)", errFrame, req.key, req.version)
		}
	}
	if topics = topicsOf(topics); len(topics) > 0 {
		c.fetched = true
		c.srv.observer.fetched(producer{h.clientID, *c.principal.Load()}, topics)
	}
	return c.pass(req)
}
