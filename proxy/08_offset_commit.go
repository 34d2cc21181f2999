package proxy

import "fmt"

// offsetCommit: bytes. What a group has read is noted on the way; version 10 names topics by id, known from answers about
// metadata.
func (c *conn) offsetCommit(req *request) error {
	flexible := req.version >= 8
	h, err := req.header(flexible)
	if err != nil {
		return err
	}
	r := wire{b: req.frame[h.body:], flexible: flexible}
	group, _ := r.nullable()
	if req.version >= 1 {
		r.uint(4)    // generation
		r.nullable() // member
	}
	if req.version >= 7 {
		r.nullable() // group instance
	}
	if req.version >= 2 && req.version <= 4 {
		r.take(8) // retention
	}
	between := 0 // bytes between offset and metadata
	switch {
	case req.version >= 6:
		between = 4 // leader epoch
	case req.version == 1:
		between = 8 // timestamp
	}
	return c.noteCommits(req, &h, group, &r, between)
}

// noteCommits reads the topics of a commit, which end the request, notes them and sends the request on.
func (c *conn) noteCommits(req *request, h *header, group []byte, r *wire, between int) error {
	var commits []commit
	for range r.array() {
		topic := ""
		if req.key == 8 && req.version >= 10 {
			topic = c.srv.topicIDs.name(r.take(16))
		} else {
			name, _ := r.nullable()
			topic = string(name)
		}
		for range r.array() {
			p := commit{topic: topic, partition: int32(r.uint(4))}
			p.offset = int64(r.uint(4))<<32 | int64(r.uint(4))
			r.take(int64(between))
			r.nullable() // metadata
			r.tags()
			if r.bad {
				break
			}
			if topic != "" && len(commits) < MaxPartitions {
				commits = append(commits, p)
			}
		}
		r.tags()
	}
	r.tags()
	if r.bad {
		return fmt.Errorf("%w: commit is cut (key %d, version %d)", errFrame, req.key, req.version)
	}
	c.srv.observer.committed(reader{producer{h.clientID, *c.principal.Load()}, string(group)}, commits)
	return c.pass(req)
}
