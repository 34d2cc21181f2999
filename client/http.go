package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/accordhq/accord/validator"
)

const (
	maxReferenceDepth = 16
	maxReferenceTexts = 4096
)

// answer is one schema as the registry tells it. Source: Confluent Schema Registry, GET /schemas/ids/{id} and its
// neighbours, with the members that it sends to clients that accept unknown ones.
type answer struct {
	Subject    string         `json:"subject"`
	Version    int            `json:"version"`
	ID         int32          `json:"id"`
	GUID       validator.GUID `json:"guid"`
	SchemaType string         `json:"schemaType"`
	Schema     string         `json:"schema"`
	References []Reference    `json:"references"`
}

// get asks the registry for one JSON document; while it is away, what it last answered stands. ifNoneMatch may be ""; etag is
// the answer's, and unchanged says that ifNoneMatch still holds, in which case into is left alone.
//
// Errors: ErrUnknownSchema if the registry says in its own words that there is no such thing, else ErrUnavailable.
func (r *Registry) get(ctx context.Context, path, ifNoneMatch string, into any) (etag string, unchanged bool, err error) {
	recall := func() bool {
		body, then, _, ok := r.disk.recall(path)
		etag = then
		return ok && json.Unmarshal(body, into) == nil
	}
	if ctx.Value(fromDiskKey{}) != nil && recall() {
		return etag, false, nil
	}
	etag, unchanged, err = r.ask(ctx, path, ifNoneMatch, into)
	if errors.Is(err, ErrUnavailable) && recall() {
		return etag, false, nil
	}
	return etag, unchanged, err
}

// ask is get without what was answered before.
func (r *Registry) ask(ctx context.Context, path, ifNoneMatch string, into any) (etag string, unchanged bool, err error) {
	req, err := r.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return "", false, err
	}
	if ifNoneMatch != "" {
		req.Header.Set("If-None-Match", ifNoneMatch)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return "", false, fmt.Errorf("get %s: %w: %w", path, ErrUnavailable, transportError(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswerBytes+1))
	switch {
	case err != nil:
		return "", false, fmt.Errorf("get %s: %w: %w", path, ErrUnavailable, err)
	case len(body) > MaxAnswerBytes:
		return "", false, fmt.Errorf("get %s: %w: the answer is over MaxAnswerBytes (%d)", path, ErrUnavailable, MaxAnswerBytes)
	case res.StatusCode == http.StatusNotModified && ifNoneMatch != "":
		r.disk.still(path)
		return ifNoneMatch, true, nil
	case res.StatusCode == http.StatusNotFound && inItsOwnWords(body):
		r.disk.forget(path)
		return "", false, fmt.Errorf("get %s: %w", path, ErrUnknownSchema)
	case res.StatusCode != http.StatusOK:
		return "", false, fmt.Errorf("get %s: %w: HTTP %d", path, ErrUnavailable, res.StatusCode)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return "", false, fmt.Errorf("get %s: %w: %w", path, ErrUnavailable, err)
	}
	etag = res.Header.Get("ETag")
	r.disk.keep(path, etag, body)
	return etag, false, nil
}

// request begins one exchange with the registry.
func (r *Registry) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	target, err := r.base.Parse(r.base.EscapedPath() + path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	target.User = r.base.User
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Confluent-Accept-Unknown-Properties", "true")
	if r.token != nil {
		if token := r.token(); token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	return req, nil
}

// transportError takes the URL, which may hold a password, out of the error of an HTTP exchange.
func transportError(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// inItsOwnWords says whether a 404 comes from a registry, Confluent's error or a problem document, and not from
// something else at that address.
func inItsOwnWords(body []byte) bool {
	var e struct {
		Code   int `json:"error_code"`
		Status int `json:"status"`
	}
	return json.Unmarshal(body, &e) == nil && (e.Code > 40400 && e.Code < 40500 || e.Status == http.StatusNotFound)
}

// load is what the cache calls for a schema that it lacks: the lock file first, for what it holds never changes.
func (r *Registry) load(ctx context.Context, ref validator.Ref) (validator.Stored, error) {
	at, locked := r.lock.find(ref)
	latest := ref.GUID.IsZero() && ref.ID == 0 && ref.Version == 0
	if locked && (!latest || r.base == nil) {
		if s, ok := r.lock.stored(at); ok {
			return s, nil
		}
	}
	if r.base == nil {
		return validator.Stored{}, fmt.Errorf("not in the lock file: %w", ErrUnknownSchema)
	}
	s, err := r.download(ctx, ref)
	if locked && errors.Is(err, ErrUnavailable) {
		if s, ok := r.lock.stored(at); ok {
			return s, nil
		}
	}
	return s, err
}

// download gets a schema with its references and all its places.
func (r *Registry) download(ctx context.Context, ref validator.Ref) (validator.Stored, error) {
	a, ref, err := r.downloadText(ctx, ref)
	if err != nil {
		return validator.Stored{}, err
	}
	s := validator.Stored{
		Document: validator.Document{Text: []byte(a.Schema), References: map[string][]byte{}},
		Ref:      ref,
	}
	if err := r.gather(ctx, s.References, a.References, 0); err != nil {
		return validator.Stored{}, err
	}
	var places []struct {
		Subject string `json:"subject"`
		Version int32  `json:"version"`
	}
	path := contextPath(ref.Context) + "/schemas/ids/" + strconv.Itoa(int(ref.ID)) + "/versions?deleted=true"
	if _, _, err := r.get(ctx, path, "", &places); err != nil {
		return validator.Stored{}, err
	}
	for _, p := range places {
		s.Versions = append(s.Versions, validator.SubjectVersion{Subject: p.Subject, Version: p.Version})
	}
	return s, nil
}

// downloadText gets a schema by whatever way counts, and every name that the answer gives it.
func (r *Registry) downloadText(ctx context.Context, ref validator.Ref) (answer, validator.Ref, error) {
	var a answer
	switch {
	case !ref.GUID.IsZero():
		var ids []struct {
			Context string `json:"context"`
			ID      int32  `json:"id"`
		}
		path := "/schemas/guids/" + ref.GUID.String()
		if _, _, err := r.get(ctx, path, "", &a); err != nil {
			return a, ref, err
		}
		if _, _, err := r.get(ctx, path+"/ids", "", &ids); err != nil {
			return a, ref, err
		}
		if len(ids) == 0 {
			return a, ref, fmt.Errorf("%w: the answer has no ID", ErrUnavailable)
		}
		ref.Context, ref.ID = plainContext(ids[0].Context), ids[0].ID
	case ref.ID != 0:
		path := contextPath(ref.Context) + "/schemas/ids/" + strconv.Itoa(int(ref.ID))
		if _, _, err := r.get(ctx, path, "", &a); err != nil {
			return a, ref, err
		}
		ref.GUID = a.GUID
	default:
		version := "latest"
		if ref.Version != 0 {
			version = strconv.Itoa(int(ref.Version))
		}
		path := "/subjects/" + url.PathEscape(ref.Subject) + "/versions/" + version + "?deleted=true"
		if _, _, err := r.get(ctx, path, "", &a); err != nil {
			return a, ref, err
		}
		ref = validator.Ref{GUID: a.GUID, Context: contextOf(ref.Subject), ID: a.ID}
	}
	if ref.GUID.IsZero() || ref.ID == 0 {
		return a, ref, fmt.Errorf("%w: the answer has no GUID or ID", ErrUnavailable)
	}
	return a, ref, nil
}

// gather collects the closure of references by name.
func (r *Registry) gather(ctx context.Context, into map[string][]byte, references []Reference, depth int) error {
	for _, ref := range references {
		if _, known := into[ref.Name]; known {
			continue
		}
		if depth > maxReferenceDepth || len(into) >= validator.MaxReferences {
			return fmt.Errorf("reference %s v%d: too many or too deep: %w", ref.Subject, ref.Version, ErrUnavailable)
		}
		target, err := r.reference(ctx, validator.SubjectVersion{Subject: ref.Subject, Version: int32(ref.Version)})
		if err != nil {
			return err
		}
		into[ref.Name] = []byte(target.Schema)
		if err := r.gather(ctx, into, target.References, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// reference gets the text of one version that others refer to, and keeps it.
func (r *Registry) reference(ctx context.Context, at validator.SubjectVersion) (answer, error) {
	r.mu.Lock()
	a, ok := r.texts[at]
	r.mu.Unlock()
	if ok {
		return a, nil
	}
	path := fmt.Sprintf("/subjects/%s/versions/%d?deleted=true", url.PathEscape(at.Subject), at.Version)
	if _, _, err := r.get(ctx, path, "", &a); err != nil {
		return a, fmt.Errorf("reference %s v%d: %w", at.Subject, at.Version, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.texts) >= maxReferenceTexts {
		clear(r.texts)
	}
	r.texts[at] = a
	return a, nil
}

// versionList is what a registry said about a subject's versions, and when.
type versionList struct {
	numbers []int32 // newest first
	at      time.Time
}

// subjectVersions returns the live versions of a subject, newest first; an answer is used again for NegativeTTL.
func (r *Registry) subjectVersions(ctx context.Context, subject string) ([]int32, error) {
	if r.base == nil {
		return r.lock.numbers(subject), nil
	}
	r.mu.Lock()
	known := r.versions[subject]
	r.mu.Unlock()
	if !known.at.IsZero() && time.Since(known.at) < r.negative {
		return known.numbers, nil
	}
	var numbers []int32
	_, _, err := r.get(ctx, "/subjects/"+url.PathEscape(subject)+"/versions", "", &numbers)
	switch {
	case errors.Is(err, ErrUnavailable) && !known.at.IsZero():
		return known.numbers, nil
	case errors.Is(err, ErrUnavailable) && r.lock != nil && r.lock.newest[subject] != 0:
		return r.lock.numbers(subject), nil
	case err != nil:
		return nil, err
	}
	newestFirst(numbers)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.versions) >= maxReferenceTexts {
		clear(r.versions)
	}
	r.versions[subject] = versionList{numbers, time.Now()}
	return numbers, nil
}

// contextPath is the path before routes that speak of a context; "" for the default one.
func contextPath(context string) string {
	if context == "" {
		return ""
	}
	return "/contexts/" + url.PathEscape(context)
}

// plainContext writes the default context as this house does.
func plainContext(name string) string {
	if name == "." {
		return ""
	}
	return name
}
