// Package schemas holds the reference system's promises as files: its events and commands with every released version,
// the lenses between the versions, examples that must and must not validate, and who sends and reads what.
//
// The folder is the source; the binary carries a copy. It never interprets the files: catalog reads them, and so does
// whoever starts the reference system.
//
//	accord.yaml teams.yaml waivers.yaml     the project, its teams, the faults that were accepted
//	schemas.lock                            every version with GUID and lens, for programs that start without a registry
//	domains/ services/ channels/ flows/     one YAML file each
//	shared/<subject>/vN.json                types that events refer to, with their version
//	events/<subject>/                       event.yaml README.md vN.json vN.lens.yaml examples/
package schemas

import (
	"embed"
	"io/fs"
)

//go:embed accord.yaml teams.yaml waivers.yaml schemas.lock channels domains events flows services shared
var files embed.FS

// FS returns the folder as it was when the program was built. It is read-only and safe for concurrent use.
func FS() fs.FS { return files }
