package proxy

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// describeCluster: brokers' addresses become the gate's. Controllers have no door here, so who asks for them is told
// UNSUPPORTED_ENDPOINT_TYPE.
func (c *conn) describeCluster(req *request) error {
	ask := kmsg.NewPtrDescribeClusterRequest()
	ask.SetVersion(req.version)
	h, err := req.header(ask.IsFlexible())
	if err != nil {
		return err
	}
	if err := ask.ReadFrom(req.frame[h.body:]); err != nil {
		return fmt.Errorf("%w: %w (key %d, version %d)", errFrame, err, req.key, req.version)
	}
	const brokers = 1
	if req.version >= 1 && ask.EndpointType != brokers {
		answer := kmsg.NewPtrDescribeClusterResponse()
		answer.ErrorCode = kerr.UnsupportedEndpointType.Code
		answer.EndpointType = ask.EndpointType
		return c.reply(req, answer, false)
	}
	return c.forward(req.frame, req.pending(changed(req.version, kmsg.NewPtrDescribeClusterResponse(), func(answer *kmsg.DescribeClusterResponse) {
		for i := range answer.Brokers {
			b := &answer.Brokers[i]
			c.move(b.NodeID, &b.Host, &b.Port)
		}
	})), false)
}
