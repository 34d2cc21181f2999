package proxy

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// apiVersions: 0–4. The answer is the table ∩ the broker. A later version is answered here in version 0 with
// UNSUPPORTED_VERSION and the range of this key, from which every client falls back (KIP-511). Version 5 carries a
// cluster id and node id that a client would hold against the address it dialled.
func (c *conn) apiVersions(req *request) error {
	if row := c.srv.table[req.key]; req.version < 0 || req.version > row.max {
		answer := kmsg.NewPtrApiVersionsResponse()
		answer.ErrorCode = kerr.UnsupportedVersion.Code
		own := kmsg.NewApiVersionsResponseApiKey()
		own.ApiKey, own.MinVersion, own.MaxVersion = req.key, row.min, row.max
		answer.ApiKeys = append(answer.ApiKeys, own)
		old := *req
		old.version = 0
		return c.reply(&old, answer, false)
	}
	return c.forward(req.frame, req.pending(func(body []byte) ([]byte, error) {
		version := req.version
		if len(body) >= 2 && int16(binary.BigEndian.Uint16(body)) == kerr.UnsupportedVersion.Code {
			version = 0 // so a broker answers a version that is too new for it
		}
		return changed(version, kmsg.NewPtrApiVersionsResponse(), func(answer *kmsg.ApiVersionsResponse) {
			if answer.ErrorCode == 0 {
				c.srv.noteAPIs(answer)
			}
			answer.ApiKeys = c.srv.served(answer.ApiKeys)
		})(body)
	}), false)
}

// served is the table ∩ what a broker serves, in the broker's order.
func (s *Server) served(broker []kmsg.ApiVersionsResponseApiKey) []kmsg.ApiVersionsResponseApiKey {
	kept := broker[:0]
	for _, k := range broker {
		row, ok := s.table[k.ApiKey]
		if !ok {
			continue
		}
		k.MinVersion, k.MaxVersion = max(k.MinVersion, row.min), min(k.MaxVersion, row.max)
		if k.MinVersion > k.MaxVersion {
			continue
		}
		if row.advertisedMin < row.min {
			k.MinVersion = row.advertisedMin
		}
		kept = append(kept, k)
	}
	return kept
}

// noteAPIs remembers what the cluster serves.
func (s *Server) noteAPIs(answer *kmsg.ApiVersionsResponse) {
	m := make(apiSet, len(answer.ApiKeys))
	for _, k := range answer.ApiKeys {
		m[k.ApiKey] = versions{k.MinVersion, k.MaxVersion}
	}
	s.apis.Store(&m)
}
