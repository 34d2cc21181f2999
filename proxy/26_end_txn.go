package proxy

func (c *conn) endTxn(req *request) error { return c.pass(req) }
