package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/accordhq/accord/proxy"
)

// newAuditor writes into the registry's audit what the gate is about to do to letters, with the credentials of whoever asks
// for it: the gate itself has no right to.
func newAuditor(registry string) (func(*http.Request, proxy.Note) error, error) {
	at, err := newRemote("registry", registry)
	if err != nil {
		return nil, err
	}
	return func(r *http.Request, n proxy.Note) error {
		caller := &remote{base: at.base, what: at.what, http: at.http, authorization: r.Header.Get("Authorization"), token: func() string { return "" }}
		err := caller.call(r.Context(), "POST", "/v1/audit", struct {
			Op     string `json:"op"`
			Topic  string `json:"topic"`
			Group  string `json:"group,omitempty"`
			Count  int    `json:"count"`
			Reason string `json:"reason"`
		}{n.Op, n.Topic, n.Group, n.Count, n.Reason}, nil)
		if refused, ok := errors.AsType[*remoteError](err); ok && (refused.Status == http.StatusForbidden || refused.Status == http.StatusUnauthorized) {
			return fmt.Errorf("%s: %w", refused.Message, proxy.ErrForbidden)
		}
		return err
	}, nil
}
