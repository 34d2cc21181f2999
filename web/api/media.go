package api

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Media types in and out. Source: Confluent Schema Registry, "Content Types".
const (
	mediaV1      = "application/vnd.schemaregistry.v1+json"
	mediaRegist  = "application/vnd.schemaregistry+json"
	mediaJSON    = "application/json"
	mediaOctets  = "application/octet-stream"
	mediaProblem = "application/problem+json"
)

// mediaIn is what a request body may be called; mediaOut what an answer may be, the one we like best first.
var (
	mediaIn  = []string{mediaV1, mediaRegist, mediaJSON, mediaOctets}
	mediaOut = []string{mediaV1, mediaRegist, mediaJSON}
)

// negotiate chooses the media type of the answer, and refuses a body of another than we read.
func (t *routing) negotiate(r *http.Request) *fault {
	if t.op != nil && t.op.stream != nil && wantsStream(r) {
		t.serve, t.accept = t.op.stream, mediaEvents
		return nil
	}
	if t.op != nil && t.op.lines != nil && strings.Contains(strings.Join(r.Header.Values("Accept"), ","), mediaLines) {
		t.serve, t.accept = t.op.lines, mediaLines
		return nil
	}
	offer := mediaOut
	if t.native() {
		offer = []string{mediaJSON}
	}
	if t.op != nil && t.op.produces != "" {
		offer = []string{t.op.produces}
	}
	t.accept = preferred(r.Header.Values("Accept"), offer)
	if t.accept == "" {
		return plain(http.StatusNotAcceptable)
	}
	if t.op != nil && t.op.request != "" && !readable(r.Header.Values("Content-Type"), t.op.reads) {
		return plain(http.StatusUnsupportedMediaType)
	}
	return nil
}

// readable says whether a body of this Content-Type is read: as JSON, or as the type that a route adds. No type is; of a
// list each must be.
func readable(values []string, added string) bool {
	for _, v := range values {
		for one := range strings.SplitSeq(v, ",") {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			media, _, err := mime.ParseMediaType(one)
			if err != nil || !slices.Contains(mediaIn, media) && media != added {
				return false
			}
		}
	}
	return true
}

// preferred returns the offer that Accept likes best: highest quality, of equal ones the first offer; "" if it likes
// none. No Accept, or one without a single media type, takes the first. Source: RFC 9110, section 12.5.1.
func preferred(accept, offer []string) string {
	if len(accept) == 0 || len(accept) == 1 && accept[0] == offer[0] {
		return offer[0]
	}
	quality := map[string]float64{} // by media range
	for _, v := range accept {
		for one := range strings.SplitSeq(v, ",") {
			media, params, err := mime.ParseMediaType(one)
			if err != nil {
				continue
			}
			q := 1.0
			if s, ok := params["q"]; ok {
				if parsed, err := strconv.ParseFloat(s, 64); err == nil && parsed >= 0 && parsed <= 1 {
					q = parsed
				}
			}
			quality[media] = max(quality[media], q)
		}
	}
	if len(quality) == 0 {
		return offer[0]
	}
	best, most := "", 0.0
	for _, o := range offer {
		q, named := quality[o]
		kind, _, _ := strings.Cut(o, "/")
		for _, wide := range []string{kind + "/*", "*/*"} {
			if !named {
				q, named = quality[wide]
			}
		}
		if q > most {
			best, most = o, q
		}
	}
	return best
}
