package proxy

// txnOffsetCommit: bytes. Noted like a commit; should the transaction be aborted, its commit comes again.
func (c *conn) txnOffsetCommit(req *request) error {
	flexible := req.version >= 3
	h, err := req.header(flexible)
	if err != nil {
		return err
	}
	r := wire{b: req.frame[h.body:], flexible: flexible}
	r.nullable() // transactional id
	group, _ := r.nullable()
	r.take(8 + 2) // producer id and epoch
	if req.version >= 3 {
		r.uint(4)    // generation
		r.nullable() // member
		r.nullable() // group instance
	}
	between := 0
	if req.version >= 2 {
		between = 4 // leader epoch
	}
	return c.noteCommits(req, &h, group, &r, between)
}
