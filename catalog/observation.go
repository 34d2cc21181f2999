package catalog

import (
	"encoding/json"
	"time"
)

// Bounds of what is observed. The oldest go first.
const (
	MaxRejectionGroups = 10_000 // rows kept
	MaxSampleBytes     = 8 << 10
	MaxSamples         = 5 // kept of one rejection
	MaxUsageRows       = 100_000
	MaxSubjectUsage    = 100     // shown of one subject in a list
	MaxPresence        = 2_000   // places of one version that are counted
	MaxAccepted        = 100_000 // rows of what was let through
)

// Roles in Usage.
const (
	RoleWrite = "write"
	RoleRead  = "read"
)

// Sender says which report of which process this is: Seq counts from 1 in the life of Instance, so that a report
// sent twice counts once. The counts in a report are what was added since the one before.
type Sender struct {
	Instance string    `json:"instance"`
	Seq      int64     `json:"seq"`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	Sources  []string  `json:"sources,omitempty"` // what the sender can see at all, such as produce, groups
	Other    int64     `json:"other,omitempty"`   // records that found no row in the sender's bounded tables
}

// UsageReport is what a proxy or decoder saw written and read.
type UsageReport struct {
	Sender
	Seen []Usage `json:"seen"`
}

// Usage is who wrote or read which version through which topic, and how much.
type Usage struct {
	Role      string    `json:"role"`              // RoleWrite or RoleRead
	Service   string    `json:"service,omitempty"` // declared name, "" if unknown
	ClientID  string    `json:"client_id,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Topic     string    `json:"topic,omitempty"`
	Group     string    `json:"group,omitempty"` // consumer group
	Context   string    `json:"context,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Version   int       `json:"version,omitempty"`
	ID        int       `json:"id,omitempty"`
	Records   int64     `json:"records"`
	Bytes     int64     `json:"bytes,omitempty"`
	Committed int64     `json:"committed,omitempty"` // sum of a group's offsets on the topic, where its cluster was asked
	By        string    `json:"by,omitempty"`        // who reported it; what a report itself says of this is not believed
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
}

// RejectionReport is what a proxy or decoder refused, and the count of what it let through beside it.
type RejectionReport struct {
	Sender
	Accepted []Acceptance `json:"accepted,omitempty"`
	Rejected []Rejection  `json:"rejected,omitempty"`
	Samples  []Sample     `json:"samples,omitempty"`
	Presence []Presence   `json:"presence,omitempty"`
}

// Acceptance counts records of a version that were let through.
type Acceptance struct {
	Context string `json:"context,omitempty"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
	By      string `json:"by,omitempty"` // who reported it, as in Usage
}

// Presence says how many of the events that were looked at have a declared member: never a value. Address "" is the event
// itself, so that a member that no event has can be told from one that nobody looked for.
type Presence struct {
	Context string `json:"context,omitempty"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
	Address string `json:"address"` // JSON Pointer into the event, * for any element
	Seen    int64  `json:"seen"`
	Of      int64  `json:"of"`
	By      string `json:"by,omitempty"` // who reported it, as in Usage; "" in what Presence returns, which is the sum
}

// Rejection is one reason for which records were refused: ID is the same for the same subject, version, address and
// keyword, on every proxy.
type Rejection struct {
	ID         string    `json:"id"`
	Context    string    `json:"context,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	Version    int       `json:"version,omitempty"`
	Topic      string    `json:"topic"`
	Address    string    `json:"address"` // JSON Pointer into the event, * for any element
	Keyword    string    `json:"keyword"`
	Reason     string    `json:"reason"`
	ClientID   string    `json:"client_id,omitempty"`
	Principal  string    `json:"principal,omitempty"`
	Records    int64     `json:"records"`
	Collateral int64     `json:"collateral"`   // good records that shared a refused batch
	By         string    `json:"by,omitempty"` // who reported it, as in Usage
	First      time.Time `json:"first,omitzero"`
	Last       time.Time `json:"last,omitzero"`
}

// Sample is a refused event, redacted before it was sent.
type Sample struct {
	ID    string          `json:"id"` // of the rejection
	Event json.RawMessage `json:"event"`
	At    time.Time       `json:"at,omitzero"`
}

// RejectionGroup is what is known about one reason: its counts over all clients, and the newest samples.
type RejectionGroup struct {
	Rejection                   // ClientID, Principal and By are those seen last
	Clients   []Rejection       `json:"clients"` // the same by client and reporter, newest first
	Samples   []json.RawMessage `json:"samples"` // newest first, at most MaxSamples
}

// RejectionQuery asks for rejections; the zero value asks for the newest MaxPage of all.
type RejectionQuery struct {
	ID      string // one group
	Name    Name   // of one subject
	Topic   string
	Since   time.Time
	Limit   int
	Samples bool // bring samples and clients along
}

// GroupRejections puts rows of single clients, newest first, together by ID, in the order of their newest row.
func GroupRejections(rows []Rejection) []RejectionGroup {
	groups := []RejectionGroup{}
	at := map[string]int{}
	for _, row := range rows {
		i, known := at[row.ID]
		if !known {
			i = len(groups)
			at[row.ID] = i
			groups = append(groups, RejectionGroup{Rejection: row, Samples: []json.RawMessage{}})
		} else {
			g := &groups[i]
			g.Records += row.Records
			g.Collateral += row.Collateral
			if row.First.Before(g.First) {
				g.First = row.First
			}
		}
		groups[i].Clients = append(groups[i].Clients, row)
	}
	return groups
}
