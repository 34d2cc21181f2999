package event

// A Contact is where a customer can be reached.
type Contact struct {
	Email string `json:"email"`
	Phone string `json:"phone,omitempty"`
}

// CustomerRegistered gives a customer's names and contacts; a later one replaces it.
type CustomerRegistered struct {
	ID         string    `json:"id"`
	GivenName  string    `json:"givenName"`
	FamilyName string    `json:"familyName"`
	Contacts   []Contact `json:"contacts"`
}
