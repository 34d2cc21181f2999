package proxy

// shareGroupHeartbeat: bytes. Who reads what is noted, as of other groups (KIP-932).
func (c *conn) shareGroupHeartbeat(req *request) error {
	h, err := req.header(true)
	if err != nil {
		return err
	}
	r := wire{b: req.frame[h.body:], flexible: true}
	group, _ := r.nullable()
	r.nullable() // member
	r.uint(4)    // epoch
	r.nullable() // rack
	return c.noteMember(req, &h, group, &r)
}
