package proxy

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endTxn: 0–5. A commit of a transaction of which a batch was refused is answered here: TRANSACTION_ABORTABLE from version 5
// on (KIP-890), INVALID_TXN_STATE before. The abort passes and clears the note.
func (c *conn) endTxn(req *request) error {
	ask := kmsg.NewPtrEndTxnRequest()
	ask.SetVersion(req.version)
	h, err := req.header(ask.IsFlexible())
	if err != nil {
		return err
	}
	if err := ask.ReadFrom(req.frame[h.body:]); err != nil {
		return fmt.Errorf("%w: %w (key %d, version %d)", errFrame, err, req.key, req.version)
	}
	t := transaction{ask.ProducerID, ask.ProducerEpoch}
	if !c.srv.poisoned.has(t) {
		return c.pass(req)
	}
	if !ask.Commit {
		c.srv.poisoned.clear(t)
		return c.pass(req)
	}
	answer := kmsg.NewPtrEndTxnResponse()
	answer.ErrorCode = kerr.InvalidTxnState.Code
	if req.version >= 5 {
		answer.ErrorCode = kerr.TransactionAbortable.Code
	}
	answer.ProducerID, answer.ProducerEpoch = ask.ProducerID, ask.ProducerEpoch
	c.srv.metrics.poisonedTxn.Inc()
	c.srv.quiet.warn("commit of a transaction refused: a batch of it was rejected", "transactional_id", ask.TransactionalID, "client_id", h.clientID)
	return c.reply(req, answer, false)
}
