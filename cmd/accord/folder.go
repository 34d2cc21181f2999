package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/accordhq/accord/catalog"
)

// folderArgument is the schemas folder that a gate verb was given.
func folderArgument(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "schemas"
}

// loadTree reads and lints a schemas folder on disk. Warnings are printed; errors end with exit status 4.
func loadTree(out io.Writer, dir string) (*catalog.Tree, error) {
	files, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	tree, problems, err := readTree(files)
	if err != nil {
		return nil, err
	}
	errs := 0
	for _, p := range problems {
		if p.Severity == catalog.SeverityError {
			errs++
			fmt.Fprintf(out, "%s/%s\n", dir, p)
		}
	}
	if errs > 0 {
		return nil, exit(exitInput, fmt.Errorf("%d errors in %s: mend them first (accord lint %s)", errs, dir, dir))
	}
	return tree, nil
}

// readTree reads and lints any schemas folder.
func readTree(files fs.FS) (*catalog.Tree, []catalog.Problem, error) {
	tree, problems, err := catalog.ReadTree(files)
	if err != nil {
		return nil, nil, exit(exitInput, err)
	}
	return tree, append(problems, tree.Lint(time.Now())...), nil
}

// openFolder is the folder as a file system; exit status 4 if there is none.
func openFolder(dir string) (fs.FS, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, exit(exitInput, fmt.Errorf("there is no folder %s: run this where the schemas folder is, or name it", dir))
	}
	return os.DirFS(dir), nil
}
