package proxy

import "github.com/twmb/franz-go/pkg/kmsg"

// metadata: brokers' addresses become the gate's, and the ids of topics are learned.
func (c *conn) metadata(req *request) error {
	return c.forward(req.frame, req.pending(changed(req.version, kmsg.NewPtrMetadataResponse(), func(answer *kmsg.MetadataResponse) {
		for i := range answer.Brokers {
			b := &answer.Brokers[i]
			c.move(b.NodeID, &b.Host, &b.Port)
		}
		for i := range answer.Topics {
			if t := &answer.Topics[i]; t.Topic != nil {
				c.srv.topicIDs.learn(t.TopicID, *t.Topic)
			}
		}
	})), false)
}
