package annotation

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// mostDepth is how deeply elements of XML may be nested.
const mostDepth = 100

// cvat reads the XML of "CVAT for images": the tags of each image are its labels.
func (l *list) cvat() error {
	l.info.Format, l.info.PathColumn, l.info.LabelColumn = FormatCVAT, "image name", "tag"
	d := xml.NewDecoder(l.in)
	d.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(name), "utf-16") { // Read has decoded it
			return in, nil
		}
		return nil, fmt.Errorf("%w: XML in %s: save it as UTF-8", ErrList, name)
	}
	c := cvatReader{list: l}
	for depth := 0; ; {
		l.rows.begin()
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badXML(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			if depth++; depth > mostDepth {
				return fmt.Errorf("%w: XML that is nested more than %d deep", ErrList, mostDepth)
			}
			if depth == 1 && e.Name.Local != "annotations" {
				return fmt.Errorf("%w: XML of an unknown kind: it begins with <%.40s>, CVAT's with <annotations>", ErrList, e.Name.Local)
			}
			err = c.start(e)
		case xml.EndElement:
			depth--
			err = c.end(e)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case c.within:
		return fmt.Errorf("%w: it ends within %s", ErrList, l.place(c.images))
	case c.images > 0 && c.tags == 0 && c.shapes > 0:
		return fmt.Errorf("%w: it has shapes on %d photos, but no tags of photos as wholes", ErrList, c.images)
	}
	return nil
}

// badXML tells what is wrong with the XML from what is wrong with reading it. Some errors of
// package xml have no type, only a mark.
func badXML(err error) error {
	var syntax *xml.SyntaxError
	if !errors.Is(err, ErrList) && (errors.As(err, &syntax) || strings.HasPrefix(err.Error(), "xml: ")) {
		return fmt.Errorf("%w: %w", ErrList, err)
	}
	return err
}

// A cvatReader reads elements.
type cvatReader struct {
	*list
	row                  Row
	within               bool // an image
	tagged               bool // the image has a tag
	images, tags, shapes int
}

func (c *cvatReader) start(e xml.StartElement) error {
	switch e.Name.Local {
	case "image":
		if c.within {
			return fmt.Errorf("%w: %s lies within another", ErrList, c.place(c.images+1))
		}
		c.images++
		c.row, c.within, c.tagged = Row{Path: attribute(e, "name"), Line: c.images}, true, false
		for _, f := range []struct {
			asked      string
			cell, name *string
		}{
			{c.opt.SplitColumn, &c.row.Split, &c.info.SplitColumn},
			{c.opt.GroupColumn, &c.row.Group, &c.info.GroupColumn},
		} {
			if f.asked != "" {
				*f.name, *f.cell = f.asked, attribute(e, f.asked)
			}
		}
		if c.opt.SplitColumn == "" && attribute(e, "subset") != "" {
			c.info.SplitColumns = []string{"subset"}
		}
	case "tag":
		if !c.within {
			return nil
		}
		c.tagged = true
		c.tags++
		if c.row.Label = attribute(e, "label"); c.row.Label == "" {
			return fmt.Errorf("%w: %s has a tag without a label", ErrList, c.place(c.images))
		}
		return c.give(c.row)
	case "box", "polygon", "polyline", "points", "mask", "cuboid", "ellipse", "skeleton":
		c.shapes++
	}
	return nil
}

func (c *cvatReader) end(e xml.EndElement) error {
	if e.Name.Local != "image" || !c.within {
		return nil
	}
	c.within = false
	if c.tagged {
		return nil
	}
	c.row.Label = ""
	return c.give(c.row)
}

// attribute returns the value of an attribute, empty if there is none.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
