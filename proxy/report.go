package proxy

import (
	"encoding/json"
	"time"
)

// A Report is what the gate saw since the report before. Usage and Rejections are numbered apart, because the catalog
// takes them through two doors (POST /v1/usage, POST /v1/rejections), whose bodies their JSON is. One of them is nil.
type Report struct {
	Usage      *UsageReport
	Rejections *RejectionReport
}

// ReportHead says whose report it is. Counts are deltas; a receiver applies each (Instance, Seq) once, so that a report
// may be sent again when nobody knows whether it arrived.
type ReportHead struct {
	Instance string    `json:"instance"` // random for each Server
	Seq      int64     `json:"seq"`      // from 1
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Sources  []string  `json:"sources"` // what this gate can see at all: produce, fetch, groups, samples
	Other    int64     `json:"other"`   // records that found no place in the rows
}

// UsageReport counts who wrote and read what.
type UsageReport struct {
	ReportHead
	Seen []Seen `json:"seen"`
}

// Seen is one row of a UsageReport. Subject and Version are empty for records that were not judged, and for readers: their
// records are about the distance between the group's commits.
type Seen struct {
	Role      string    `json:"role"` // write or read
	ClientID  string    `json:"client_id,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Topic     string    `json:"topic"`
	Group     string    `json:"group,omitempty"`
	Context   string    `json:"context,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Version   int32     `json:"version,omitempty"`
	Records   int64     `json:"records"`
	Bytes     int64     `json:"bytes,omitempty"`     // of keys and values, uncompressed; of whole batches where not judged
	Committed int64     `json:"committed,omitempty"` // sum of a group's offsets on the topic, where the cluster was asked for it
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// RejectionReport counts what was accepted and refused.
type RejectionReport struct {
	ReportHead
	Accepted []Accepted  `json:"accepted"`
	Rejected []Rejection `json:"rejected"`
	Samples  []Sample    `json:"samples"`
	Presence []Presence  `json:"presence"`
}

// Accepted counts records that the gate let through to the brokers.
type Accepted struct {
	Context string `json:"context,omitempty"`
	Subject string `json:"subject"`
	Version int32  `json:"version"`
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
}

// Sample is a refused event as validator.Schema.Redact shows it.
type Sample struct {
	ID    string          `json:"id"` // of the rejection
	Event json.RawMessage `json:"event"`
	At    time.Time       `json:"at"`
}

// Presence says how many of the sampled accepted events of a version have a declared member. Address "" is the event itself.
type Presence struct {
	Context string `json:"context,omitempty"`
	Subject string `json:"subject"`
	Version int32  `json:"version"`
	Address string `json:"address"` // JSON Pointer with * for elements
	Seen    int64  `json:"seen"`    // events that have it
	Of      int64  `json:"of"`      // events that were looked at
}

// Rejection counts records refused for one reason.
type Rejection struct {
	ID         string    `json:"id"` // of the page /rejections/{id}
	Context    string    `json:"context,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	Version    int32     `json:"version,omitempty"`
	Topic      string    `json:"topic"`
	Address    string    `json:"address"` // JSON Pointer with * for elements; never payload text
	Keyword    string    `json:"keyword"`
	Reason     string    `json:"reason"`
	ClientID   string    `json:"client_id,omitempty"`
	Principal  string    `json:"principal,omitempty"`
	Records    int64     `json:"records"`
	Collateral int64     `json:"collateral"` // good records that were refused along with them
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
}
