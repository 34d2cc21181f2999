package event

import "time"

// Payment is a charge as the provider knows it.
type Payment struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Method   string `json:"method"` // card
}

// PaymentProcessed says that the card was charged.
type PaymentProcessed struct {
	OrderID     string    `json:"orderId"`
	CustomerID  string    `json:"customerId"`
	Amount      Money     `json:"amount"`
	Payment     Payment   `json:"payment"`
	ProcessedAt time.Time `json:"processedAt"`
}

// Reasons of PaymentFailed and RefundFailed.
const (
	Declined      = "DECLINED"
	ProviderError = "PROVIDER_ERROR"
)

// PaymentFailed says that the card was not charged. Amount is nil when the failure came before it was known.
type PaymentFailed struct {
	OrderID     string    `json:"orderId"`
	CustomerID  string    `json:"customerId,omitempty"`
	Amount      *Money    `json:"amount,omitempty"`
	Reason      string    `json:"reason"`
	Retryable   bool      `json:"retryable"`
	Error       string    `json:"error,omitempty"`
	ProcessedAt time.Time `json:"processedAt"`
}

// Reasons of PaymentRefunded.
const (
	OrderWasCancelled = "ORDER_CANCELLED"
	LatePayment       = "LATE_PAYMENT" // charged after the order had been cancelled
)

// PaymentRefunded says that a charge was given back in full.
type PaymentRefunded struct {
	OrderID   string `json:"orderId"`
	PaymentID string `json:"paymentId"`
	Amount    Money  `json:"amount"`
	Reason    string `json:"reason"`
}

// RefundFailed says that a charge could not be given back yet; the service goes on trying.
type RefundFailed struct {
	OrderID   string `json:"orderId"`
	PaymentID string `json:"paymentId"`
	Amount    Money  `json:"amount"`
	Reason    string `json:"reason"`
}
