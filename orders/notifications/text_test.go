package notifications

import (
	"strings"
	"testing"

	"github.com/accordhq/accord/orders/event"
)

// B13: a failure may come before the amount is known, and the text must do without it.
func TestDeclinedTextWithAndWithoutAnAmount(t *testing.T) {
	with := declinedText(&event.PaymentFailed{OrderID: "ORD-1", Amount: &event.Money{AmountMinor: 5198, Currency: "USD"}})
	without := declinedText(&event.PaymentFailed{OrderID: "ORD-1"})
	if !strings.Contains(with.body, "51.98 USD") || strings.Contains(without.body, "0.00") || !strings.Contains(without.body, "ORD-1") {
		t.Errorf("declinedText = %q and %q, want the amount in the first only", with.body, without.body)
	}
}

func TestAlertWithAndWithoutNumbers(t *testing.T) {
	one, none := int64(1), int64(0)
	with := alert("ORD-1", event.Shortage{SKU: "PROD-205", Requested: &one, Available: &none})
	without := alert("ORD-1", event.Shortage{SKU: "PROD-205"}) // from an event of the first version
	if !strings.Contains(with.body, "(1 pieces, 0 there)") || strings.Contains(without.body, "pieces") {
		t.Errorf("alert = %q and %q, want numbers in the first only", with.body, without.body)
	}
}
