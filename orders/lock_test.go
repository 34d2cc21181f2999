package orders_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/validator"
)

var remoteRef = regexp.MustCompile(`"(https://schemas\.example\.com/([A-Za-z.]+)/([0-9]+))"`)

// lock makes a lock file of the whole schemas folder, with made-up GUIDs.
func lock(t *testing.T) []byte {
	t.Helper()
	var l client.Lock
	for _, root := range []string{"events", "shared"} {
		folders, err := fs.ReadDir(schemas.FS(), root)
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range folders {
			s := client.LockSubject{Subject: folder.Name()}
			for v := 1; ; v++ {
				text, err := fs.ReadFile(schemas.FS(), path.Join(root, folder.Name(), fmt.Sprintf("v%d.json", v)))
				if err != nil {
					break
				}
				s.Versions = append(s.Versions, locked(t, path.Join(root, folder.Name()), v, text))
			}
			l.Subjects = append(l.Subjects, s)
		}
	}
	var out bytes.Buffer
	if err := client.WriteLock(&out, l); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func locked(t *testing.T, folder string, version int, text []byte) client.LockVersion {
	t.Helper()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", folder, version))
	v := client.LockVersion{Version: version, GUID: validator.GUID(sum[:16]), Schema: text}
	seen := map[string]bool{}
	for _, m := range remoteRef.FindAllSubmatch(text, -1) {
		subject, number := string(m[2]), string(m[3])
		if subject == path.Base(folder) || seen[string(m[1])] {
			continue
		}
		seen[string(m[1])] = true
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		v.References = append(v.References, client.Reference{Name: string(m[1]), Subject: subject, Version: n})
	}
	lens, err := fs.ReadFile(schemas.FS(), fmt.Sprintf("%s/v%d.lens.yaml", folder, version))
	if err != nil {
		return v // the first version has none
	}
	var doc any
	if err := yaml.Unmarshal(lens, &doc); err != nil {
		t.Fatal(err)
	}
	if v.Lens, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	v.Rev = 1
	return v
}
