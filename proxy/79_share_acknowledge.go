package proxy

import "github.com/twmb/franz-go/pkg/kmsg"

// shareAcknowledge: the answer names leaders by address.
func (c *conn) shareAcknowledge(req *request) error {
	return c.forward(req.frame, req.pending(changed(req.version, kmsg.NewPtrShareAcknowledgeResponse(), func(answer *kmsg.ShareAcknowledgeResponse) {
		for i := range answer.NodeEndpoints {
			n := &answer.NodeEndpoints[i]
			c.move(n.NodeID, &n.Host, &n.Port)
		}
	})), false)
}
