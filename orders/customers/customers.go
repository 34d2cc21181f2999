// Package customers is the address book's own side: a customer gives name and contacts, and everybody who needs them
// reads it from the topic.
package customers

import (
	"context"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

// A Service is the customers service.
type Service struct {
	Store *journal.Store
}

// Register says who a customer is; a later call for the same id replaces the earlier. The event's schema is the judge of
// what is valid.
func (s *Service) Register(ctx context.Context, c event.CustomerRegistered) error {
	return s.Store.Update(ctx, func(tx *journal.Tx) error {
		_, err := tx.Append(ctx, c.ID, journal.AnyVersion, c, event.Meta{})
		return err
	})
}
