// Package page makes web pages of what featstore finds: one file each, which loads nothing,
// from any address. Its parts are templates, shared by all pages. The style follows the
// reader's choice of light or dark; the script is only for what a page cannot do without one.
//
// Everything that comes from elsewhere, such as labels and names of files, goes through
// html/template, which escapes it, and through clean, which replaces characters that would
// change the direction or order of other text.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"featstore/cmd/featstore/internal/thumbnail"
	"featstore/split"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

//go:embed templates/style.css
var style string

//go:embed templates/page.js
var script string

// Pictures are the thumbnails of a page. Its zero value has none.
type Pictures struct {
	Large, Small *thumbnail.Set
	Facts        map[split.Digest]thumbnail.Facts
}

// render makes a page of a template.
func render(name string, data any, pictures Pictures, scripted bool) ([]byte, error) {
	p := &pageData{Data: data, pictures: pictures, CSS: template.CSS(style + sheetRules(pictures))}
	if scripted {
		p.Script = template.JS(script)
	}
	t, err := template.New("page").Funcs(p.functions()).ParseFS(templateFiles, "templates/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("make page: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, p); err != nil {
		return nil, fmt.Errorf("make page: %w", err)
	}
	return b.Bytes(), nil
}

// pageData is what templates are executed with.
type pageData struct {
	Data     any
	CSS      template.CSS
	Script   template.JS
	pictures Pictures
}

// Policy is the page's content security policy: nothing is loaded, and only this style and
// this script count.
func (p *pageData) Policy() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	scripts := "'none'"
	if p.Script != "" {
		scripts = hash(string(p.Script))
	}
	return "default-src 'none'; img-src data:; style-src " + hash(string(p.CSS)) + "; script-src " + scripts +
		"; base-uri 'none'; form-action 'none'"
}

// sheetRules are the style's rules for thumbnails: a class a sheet, and one for each column
// and row.
func sheetRules(p Pictures) string {
	var b strings.Builder
	for _, of := range []struct {
		prefix string
		set    *thumbnail.Set
	}{{"l", p.Large}, {"s", p.Small}} {
		if of.set == nil {
			continue
		}
		for i, sheet := range of.set.Sheets {
			fmt.Fprintf(&b, ".%s%d{background-image:url(data:image/jpeg;base64,%s)}\n", of.prefix, i, base64.StdEncoding.EncodeToString(sheet))
		}
	}
	for i := range thumbnail.SheetSide {
		at := float64(100*i) / (thumbnail.SheetSide - 1)
		fmt.Fprintf(&b, ".c%d{background-position-x:%.4f%%}.r%d{background-position-y:%.4f%%}\n", i, at, i, at)
	}
	return b.String()
}

// functions are what templates call.
func (p *pageData) functions() template.FuncMap {
	return template.FuncMap{
		"classes": p.classes, "small": p.small, "gone": p.gone,
		"percent": percent, "count": count, "grouped": grouped, "clean": clean, "base": base, "paths": paths,
		"add": func(a, b int) int { return a + b }, "decimal": func(x float64) string { return fmt.Sprintf("%.3f", x) },
		"bytes": bytesText, "slice1": func(s string) []string { return []string{s} },
	}
}

// classes are those of a photo's large thumbnail, or else of its small one; "" for none.
func (p *pageData) classes(d split.Digest) string {
	if at, ok := p.pictures.Large.Spot(d); ok {
		return fmt.Sprintf("l%d c%d r%d", at.Sheet, at.Column, at.Row)
	}
	return p.small(d)
}

// small is the classes of a photo's small thumbnail.
func (p *pageData) small(d split.Digest) string {
	if at, ok := p.pictures.Small.Spot(d); ok {
		return fmt.Sprintf("s%d c%d r%d", at.Sheet, at.Column, at.Row)
	}
	return ""
}

// gone says why a photo has no thumbnail.
func (p *pageData) gone(d split.Digest) string {
	if f, ok := p.pictures.Facts[d]; ok && f.Problem != "" {
		return clean(f.Problem)
	}
	return "no picture"
}

// clean replaces characters that are not to be seen, or that change how others are seen.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func percent(x float64) string { return fmt.Sprintf("%.1f", 100*x) }

func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

func bytesText(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	x, u := float64(n), 0
	for x >= 999.5 && u < len(units)-1 {
		x, u = x/1000, u+1
	}
	if u == 0 || x >= 9.95 {
		return fmt.Sprintf("%.0f %s", x, units[u])
	}
	return fmt.Sprintf("%.1f %s", x, units[u])
}

// base is the name of a photo's first file.
func base(paths []string) string {
	if len(paths) == 0 {
		return "?"
	}
	return clean(filepath.Base(paths[0]))
}

// paths are all files of a photo.
func paths(all []string) string { return clean(strings.Join(all, " = ")) }
