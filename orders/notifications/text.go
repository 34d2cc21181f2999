package notifications

import (
	"fmt"
	"strings"

	"github.com/accordhq/accord/orders/event"
)

// A text is a message before it has an addressee.
type text struct{ subject, body string }

func confirmation(e *event.OrderPlaced) text {
	return text{
		"Order confirmation #" + e.OrderID,
		fmt.Sprintf("Thank you%s! We have your order #%s over %s and will write again.", greeting(e.Customer.GivenName), e.OrderID, amount(e.Total)),
	}
}

func receipt(e *event.PaymentProcessed) text {
	return text{
		"Payment confirmation for order #" + e.OrderID,
		fmt.Sprintf("We have received %s for order #%s.", amount(e.Amount), e.OrderID),
	}
}

// declinedText must do without the amount: a failure may come before it is known.
func declinedText(e *event.PaymentFailed) text {
	what := "your payment"
	if e.Amount != nil {
		what += " of " + amount(*e.Amount)
	}
	return text{
		"Payment failed for order #" + e.OrderID,
		fmt.Sprintf("We could not take %s for order #%s. The order has ended; nothing was charged.", what, e.OrderID),
	}
}

func statusText(e *event.OrderStatusChanged) text {
	state := strings.ToLower(strings.ReplaceAll(string(e.To), "_", " "))
	return text{"Your order is " + state, fmt.Sprintf("Order #%s is %s.", e.OrderID, state)}
}

func alert(order string, s event.Shortage) text {
	body := fmt.Sprintf("%s was asked for in order #%s", s.SKU, order)
	if s.Requested != nil && s.Available != nil {
		body += fmt.Sprintf(" (%d pieces, %d there)", *s.Requested, *s.Available)
	}
	return text{"Out of stock: " + s.SKU, body + ". Please restock."}
}

func greeting(name string) string {
	if name == "" {
		return ""
	}
	return ", " + name
}

// amount writes money with two decimals, as all currencies of the demo have.
func amount(m event.Money) string {
	return fmt.Sprintf("%d.%02d %s", m.AmountMinor/100, m.AmountMinor%100, m.Currency)
}
