package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// assets are the files of static/, held once plain and once compressed. Their address has a sum of all of them, so
// that they may be kept for ever.
type assets struct {
	sum   string
	files map[string]assetFile
}

type assetFile struct{ plain, zipped []byte }

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]assetFile{}}
	all := sha256.New()
	names, err := fs.Glob(staticFiles, "static/*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		plain, err := staticFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all.Write(plain)
		a.files[path.Base(name)] = assetFile{plain, compress(plain)}
	}
	// The templates are part of the look, so that a page drawn by another build is never taken for unchanged.
	names, err = fs.Glob(templateFiles, "template/*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := templateFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all.Write(text)
	}
	a.sum = hex.EncodeToString(all.Sum(nil)[:8])
	return a, nil
}

func (a *assets) url(l links, file string) template.URL {
	return template.URL(l.to("-", "assets", a.sum, file)) // built here
}

// asset serves one file of static/. An old sum gets the file that there is now, but not for ever.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets.files[r.PathValue("file")]
	if !ok {
		return &pageError{status: http.StatusNotFound, title: "Nothing here", detail: "There is no such file."}
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(r.PathValue("file"))))
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if r.PathValue("sum") == s.assets.sum {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := f.plain
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, err := w.Write(body)
	if err != nil {
		s.Log.Debug("asset not taken", "err", err)
	}
	return nil
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// compress never fails: it writes to memory.
func compress(plain []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(plain)
	_ = z.Close()
	return b.Bytes()
}
