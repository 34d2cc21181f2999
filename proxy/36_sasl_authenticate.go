package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// saslState is a client's way through SASL, as far as the gate watches it.
type saslState struct {
	mechanism string
	user      string // as the client claims it; counts once the broker has said yes
}

// saslAuthenticate: bytes. The user's name is noted as principal when the broker accepts; the password is not copied.
func (c *conn) saslAuthenticate(req *request) error {
	flexible := req.version >= 2
	h, err := req.header(flexible)
	if err != nil {
		return err
	}
	token, err := saslToken(req.frame[h.body:], flexible)
	if err != nil {
		return fmt.Errorf("%w: %w (key %d, version %d)", errFrame, err, req.key, req.version)
	}
	if user := saslUser(c.sasl.mechanism, token); user != "" {
		c.sasl.user = user
	}
	claimed := c.sasl.user
	return c.forward(req.frame, req.pending(func(body []byte) ([]byte, error) {
		answer := kmsg.NewPtrSASLAuthenticateResponse()
		answer.SetVersion(req.version)
		if err := answer.ReadFrom(body); err != nil {
			return nil, err
		}
		if answer.ErrorCode == 0 && claimed != "" {
			principal := "User:" + claimed
			c.principal.Store(&principal)
		}
		return body, nil
	}), false)
}

// saslToken returns the token of a request's body. It aliases b.
func saslToken(b []byte, flexible bool) ([]byte, error) {
	var n, skip int
	if flexible {
		u, k := binary.Uvarint(b)
		if k <= 0 || u > uint64(len(b)) {
			return nil, errToken
		}
		n, skip = int(u)-1, k
	} else {
		if len(b) < 4 {
			return nil, errToken
		}
		n, skip = int(int32(binary.BigEndian.Uint32(b))), 4
	}
	if n < 0 || n > len(b)-skip {
		return nil, errToken
	}
	return b[skip : skip+n], nil
}

var errToken = fmt.Errorf("token is cut")

// saslUser reads the authentication name out of a client's first token: PLAIN (RFC 4616) "authzid NUL authcid NUL
// passwd", SCRAM (RFC 5802) "gs2-header,n=name,r=nonce". "" when there is none in it.
func saslUser(mechanism string, token []byte) string {
	switch {
	case mechanism == "PLAIN":
		parts := bytes.SplitN(token, []byte{0}, 3)
		if len(parts) == 3 {
			return string(parts[1])
		}
	case strings.HasPrefix(mechanism, "SCRAM-"):
		parts := bytes.SplitN(token, []byte{','}, 4)
		if len(parts) == 4 && len(parts[0]) == 1 && bytes.HasPrefix(parts[2], []byte("n=")) {
			return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(string(parts[2][2:]))
		}
	}
	return ""
}
