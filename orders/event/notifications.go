package event

import "time"

// Kinds of messages.
const (
	OrderConfirmation   = "ORDER_CONFIRMATION"
	PaymentConfirmation = "PAYMENT_CONFIRMATION"
	PaymentFailure      = "PAYMENT_FAILURE"
	InventoryAlert      = "INVENTORY_ALERT"
	OrderStatus         = "ORDER_STATUS"
)

// Channels of messages.
const (
	Email = "email"
	SMS   = "sms"
	Push  = "push"
)

// NotificationSent says that a provider took a message. RecipientHash is the SHA-256 of the address, in hex.
type NotificationSent struct {
	Kind          string    `json:"kind"`
	RecipientHash string    `json:"recipientHash,omitempty"`
	OrderID       string    `json:"orderId"`
	ProductID     string    `json:"productId,omitempty"`
	Channels      []string  `json:"channels"`
	SentAt        time.Time `json:"sentAt"`
}

// NotificationFailed says that a message will not be sent on this channel.
type NotificationFailed struct {
	Kind     string    `json:"kind"`
	OrderID  string    `json:"orderId"`
	Channel  string    `json:"channel"`
	Error    Fault     `json:"error"`
	FailedAt time.Time `json:"failedAt"`
}
