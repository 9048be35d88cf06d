// Package bundle makes one archive for a support ticket. Everything in it is text
// without secrets: [Redactor] removes them before a file is added, and CONTENTS.txt lists
// the files with the number of values that were removed.
package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Contents is the name of the file that lists the others.
const Contents = "CONTENTS.txt"

// maxFile bounds a file. Of a longer one the end is kept, where a log has its news.
const maxFile = 8 << 20

// Entry is one file of the archive.
type Entry struct {
	Name     string
	About    string // description, or the reason why it is not in the archive
	Size     int
	Redacted int
	data     []byte
	missing  bool
}

// Bundle collects the files of an archive.
type Bundle struct {
	Redactor Redactor
	At       time.Time // time of the archive, of all files
	Entries  []Entry

	most int // instead of maxFile, for tests
}

// Add adds data as a file, without its secrets.
func (b *Bundle) Add(name, about string, data []byte) {
	clean, n := b.Redactor.Clean(data)
	b.Entries = append(b.Entries, Entry{Name: b.unused(name), About: about, Size: len(clean), Redacted: n, data: clean})
}

// Miss records why a file is not in the archive.
func (b *Bundle) Miss(name string, err error) {
	reason, _ := b.Redactor.Clean([]byte(strings.Join(report.ErrorLines(err), "; ")))
	b.Entries = append(b.Entries, Entry{Name: name, About: "missing: " + string(reason), missing: true})
}

// AddFile adds the content of r under files/. A file that is not text is refused: a heap
// snapshot holds every secret of its process.
func (b *Bundle) AddFile(name string, r io.Reader) error {
	text, err := report.Decode(r, maxFile)
	if err != nil {
		return err
	}
	in := bufio.NewReader(text)
	if head, _ := in.Peek(headSize); looksLikeHeap(head) { // an error comes again with the next read
		return errors.New("a heap snapshot holds every secret of its process; add the result of mcpdiag heap instead")
	}
	data, part, err := tail(in, cmp.Or(b.most, maxFile))
	if err != nil {
		return err
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("not text, so its secrets cannot be found; it is not in the archive")
	}
	b.Add(path.Join("files", safeName(name)), "as named on the command line"+part, data)
	return nil
}

// maxRead bounds how much of a file is read, in multiples of the part that is kept: a compressed
// file may never end.
const maxRead = 512

// tail reads r and returns its last n bytes, from the beginning of a line, and which part of r
// they are, "" for all of it.
func tail(r io.Reader, n int) (last []byte, part string, err error) {
	in := &io.LimitedReader{R: r, N: maxRead * int64(n)}
	for {
		block, err := io.ReadAll(io.LimitReader(in, int64(n)))
		if err != nil {
			return nil, "", err
		}
		if last = append(last, block...); len(last) > n {
			last, part = bytes.Clone(last[len(last)-n:]), fmt.Sprintf(", its last %d MB", n>>20)
		}
		if len(block) < n {
			break
		}
	}
	if in.N == 0 {
		part = fmt.Sprintf(", the last %d MB of its first %d MB", n>>20, maxRead*(n>>20))
	}
	if line := bytes.IndexByte(last, '\n'); part != "" && line >= 0 {
		last = last[line+1:]
	}
	return last, part, nil
}

// headSize is how much of the beginning of a file says that it is a heap snapshot.
const headSize = 512

func looksLikeHeap(head []byte) bool {
	head = bytes.TrimSpace(head)
	return bytes.HasPrefix(head, []byte(`{"snapshot"`)) && bytes.Contains(head, []byte(`"node_fields"`))
}

// safeName returns the last part of a path, as a name that any system can unpack.
func safeName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`<>:"|?*/`, r) {
			return '_'
		}
		return r
	}, report.RedactText(name))
	if name = strings.TrimLeft(name, "."); name == "" {
		return "file"
	}
	return name
}

// unused returns name, with a number if another file has it.
func (b *Bundle) unused(name string) string {
	wanted := name
	for n := 2; ; n++ {
		taken := false
		for _, e := range b.Entries {
			taken = taken || e.Name == wanted
		}
		if !taken {
			return wanted
		}
		ext := path.Ext(name)
		wanted = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
	}
}

// Table lists the files of the archive.
func (b *Bundle) Table(w io.Writer, paint report.Painter) error {
	t := report.Table{Right: map[int]bool{1: true, 2: true}}
	t.Styled(report.Bold, "FILE", "SIZE", "REDACTED", "WHAT")
	for _, e := range b.Entries {
		if e.missing {
			t.Row(report.Cell(e.Name, 60), "", "", report.Cell(e.About, 200))
			continue
		}
		t.Row(report.Cell(e.Name, 60), report.MB(float64(e.Size)/(1<<20)), fmt.Sprint(e.Redacted), report.Cell(e.About, 100))
	}
	return t.Write(w, paint)
}

// Write writes the archive, a tar file compressed by gzip.
func (b *Bundle) Write(w io.Writer) error {
	var contents bytes.Buffer
	contents.WriteString("Secrets of known shapes, values of secret names and values of secret environment variables\n" +
		"were removed. Read the files before you pass them on: a secret of no known shape may be left.\n\n")
	if err := b.Table(&contents, false); err != nil {
		return err
	}
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	all := append([]Entry{{Name: Contents, data: contents.Bytes()}}, b.Entries...)
	for _, e := range all {
		if e.missing {
			continue
		}
		header := &tar.Header{Name: "mcpdiag-bundle/" + e.Name, Mode: 0o600, Size: int64(len(e.data)), ModTime: b.At.Truncate(time.Second), Typeflag: tar.TypeReg}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(e.data); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}
