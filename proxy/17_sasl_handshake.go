package proxy

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// saslHandshake: version 1, advertised from 0 because librdkafka up to 2.0 refuses SASL without it. A version 0 request
// is refused: after it, tokens without any framing would follow.
func (c *conn) saslHandshake(req *request) error {
	if req.version < c.srv.table[req.key].min {
		answer := kmsg.NewPtrSASLHandshakeResponse()
		answer.ErrorCode = kerr.UnsupportedVersion.Code
		return c.reply(req, answer, true)
	}
	ask := kmsg.NewPtrSASLHandshakeRequest()
	ask.SetVersion(req.version)
	h, err := req.header(false)
	if err != nil {
		return err
	}
	if err := ask.ReadFrom(req.frame[h.body:]); err != nil {
		return fmt.Errorf("%w: %w (key %d, version %d)", errFrame, err, req.key, req.version)
	}
	c.sasl = saslState{mechanism: ask.Mechanism}
	return c.pass(req)
}
