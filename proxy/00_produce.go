package proxy

func (c *conn) produce(req *request) error { return c.pass(req) }
