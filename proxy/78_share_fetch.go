package proxy

import "github.com/twmb/franz-go/pkg/kmsg"

// shareFetch: the answer names leaders by address, so it is read whole. Slower than Fetch, whose versions here do not.
func (c *conn) shareFetch(req *request) error {
	return c.forward(req.frame, req.pending(changed(req.version, kmsg.NewPtrShareFetchResponse(), func(answer *kmsg.ShareFetchResponse) {
		for i := range answer.NodeEndpoints {
			n := &answer.NodeEndpoints[i]
			c.move(n.NodeID, &n.Host, &n.Port)
		}
	})), false)
}
