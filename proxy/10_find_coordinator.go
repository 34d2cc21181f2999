package proxy

import "github.com/twmb/franz-go/pkg/kmsg"

// findCoordinator: the address stands at the top level up to version 3, in Coordinators from 4.
func (c *conn) findCoordinator(req *request) error {
	return c.forward(req.frame, req.pending(changed(req.version, kmsg.NewPtrFindCoordinatorResponse(), func(answer *kmsg.FindCoordinatorResponse) {
		if req.version < 4 {
			if answer.ErrorCode == 0 {
				c.move(answer.NodeID, &answer.Host, &answer.Port)
			}
			return
		}
		for i := range answer.Coordinators {
			if co := &answer.Coordinators[i]; co.ErrorCode == 0 {
				c.move(co.NodeID, &co.Host, &co.Port)
			}
		}
	})), false)
}
