package annotation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rowsOf reads a list and returns its rows as text: path, label and what else there is.
func rowsOf(t *testing.T, list string, opt Options) ([]string, Info, error) {
	t.Helper()
	var rows []string
	info, err := Read(strings.NewReader(list), opt, func(r Row) error {
		text := r.Path + "=" + r.Label
		for _, more := range []string{r.Other, r.Split, r.Group} {
			if more != "" {
				text += " " + more
			}
		}
		rows = append(rows, text)
		return nil
	})
	return rows, info, err
}

const labelStudio = `[
{"id":1,"data":{"image":"/data/upload/1/1a2b3c4d-cat_1.jpg","set":"train"},"annotations":[
  {"was_cancelled":true,"result":[{"type":"choices","from_name":"animal","value":{"choices":["dog"]}}]},
  {"was_cancelled":false,"result":[{"type":"choices","from_name":"animal","value":{"choices":["cat"]}},{"type":"rectanglelabels","value":{}}]}]},
{"id":2,"data":{"image":"/data/local-files/?d=pets/dog%201.jpg"},"annotations":[
  {"result":[{"type":"choices","from_name":"animal","value":{"choices":["dog","cat"]}}]}]},
{"id":3,"data":{"image":"s3://bucket/pets/3.jpg"},"annotations":[]}]`

const coco = `{"info":{"a":[1,{"b":2}]},
"annotations":[{"image_id":1,"category_id":7,"bbox":[1,2,3,4]},{"image_id":"b","category_id":8},
  {"image_id":1,"category_id":7},{"image_id":"b","category_id":7}],
"images":[{"id":1,"file_name":"1.jpg"},{"id":"b","file_name":"x/2.jpg"},{"id":3,"file_name":"3.jpg"}],
"categories":[{"id":7,"name":"cat"},{"id":8,"name":"dog"}],"licenses":null}`

const cvat = `<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels><label><name>cat</name></label></labels></task></meta>
<image id="0" name="a/1.jpg" subset="Train" width="1" height="1"><tag label="cat" source="manual"><attribute name="x">1</attribute></tag></image>
<image id="1" name="2 &amp; 3.jpg"><box label="dog"/></image>
<image id="2" name="4.jpg"><tag label="cat"></tag><tag label="dog"/></image></annotations>`

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, list string
		opt        Options
		format     string
		columns    string // path and label
		want       string
	}{
		{"Kaggle", "id,breed\n000bec,boston_bull\n001513,dingo\n", Options{}, FormatTable, "id breed", "000bec=boston_bull|001513=dingo"},
		{"BOM and quotes", "\ufeff\"Image Path\";\"Class Name\"\n\"a;1.jpg\";\"a \"\"b\"\"\"\n", Options{}, FormatTable, "Image Path Class Name", `a;1.jpg=a "b"`},
		{"UTF-16", "\xff\xfei\x00d\x00\t\x00l\x00a\x00b\x00e\x00l\x00\n\x001\x00\t\x00x\x00", Options{}, FormatTable, "id label", "1=x"},
		{"tabs", "file\tlabel\na.jpg\t5\" pot\n", Options{}, FormatTable, "file label", `a.jpg=5" pot`},
		{"blanks after commas", "path, label\na.jpg, \"x, y\"\n", Options{}, FormatTable, "path label", "a.jpg=x, y"},
		{"the only other column", "image_id,disease\n1,rust\n", Options{}, FormatTable, "image_id disease", "1=rust"},
		{"no header", "rose/1.jpg,rose\nrose/2.jpg,rose\n", Options{}, FormatTable, "1 2", "rose/1.jpg=rose|rose/2.jpg=rose"},
		{"no header, blanks", "a.JPEG 65\nb.JPEG 970\n", Options{}, FormatTable, "1 2", "a.JPEG=65|b.JPEG=970"},
		{"columns asked for", "a,b,c,d,label\n1,2,3,4,x\n", Options{PathColumn: "B", LabelColumn: "a", SplitColumn: "c", GroupColumn: "4"},
			FormatTable, "b a", "2=1 3 4"},
		{"empty label", "id,label\n1,\n2, \n3,c\n", Options{}, FormatTable, "id label", "1=|2=|3=c"},
		{"indicators", "image,MEL,NV\n1,1.0,0.0\n2,0,0\n3,1,1\n", Options{}, FormatTable, "image ", "1=MEL|2=|3=MEL|3=NV"},
		{"names before numbers", "image,class_id,class_name\n1.jpg,0,cat\n", Options{}, FormatTable, "image class_name", "1.jpg=cat"},
		{"Hugging Face", `{"file_name": "0001.png", "label": "cat"}` + "\n" + `{"file_name": "2.png", "label": 3}` + "\n", Options{}, FormatRecords,
			"file_name label", "0001.png=cat|2.png=3"},
		{"lists of labels", `{"file_name": "1.png", "labels": ["cat", "dog"]}` + "\n" + `{"file_name": "2.png", "labels": []}`, Options{}, FormatRecords,
			"file_name labels", "1.png=cat|1.png=dog|2.png="},
		{"an array of records", `[{"image":"1.jpg","label":"cat","split":"test"},{"label":null,"image":"2.jpg"}]`, Options{SplitColumn: "split"},
			FormatRecords, "image label", "1.jpg=cat test|2.jpg="},
		{"Label Studio's short form", `[{"image":"/data/upload/2/aabbccdd-x.jpg","id":1,"choice":"cat","annotator":1}]`, Options{},
			FormatRecords, "image choice", "aabbccdd-x.jpg=cat x.jpg"},
		{"Label Studio", labelStudio, Options{}, FormatLabelStudio, "image animal",
			"1a2b3c4d-cat_1.jpg=cat cat_1.jpg|pets/dog 1.jpg=dog|pets/dog 1.jpg=cat|pets/3.jpg="},
		{"COCO", coco, Options{}, FormatCOCO, "file_name category", "1.jpg=cat|x/2.jpg=dog|x/2.jpg=cat|3.jpg="},
		{"COCO in one line", strings.ReplaceAll(coco, "\n", ""), Options{}, FormatCOCO, "file_name category", "1.jpg=cat|x/2.jpg=dog|x/2.jpg=cat|3.jpg="},
		{"CVAT", cvat, Options{}, FormatCVAT, "image name tag", "a/1.jpg=cat|2 & 3.jpg=|4.jpg=cat|4.jpg=dog"},
		{"CVAT's subsets", cvat, Options{SplitColumn: "subset"}, FormatCVAT, "image name tag", "a/1.jpg=cat Train|2 & 3.jpg=|4.jpg=cat|4.jpg=dog"},
	} {
		rows, info, err := rowsOf(t, c.list, c.opt)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := strings.Join(rows, "|"); got != c.want {
			t.Errorf("%s: rows %s, want %s", c.name, got, c.want)
		}
		if got := info.PathColumn + " " + info.LabelColumn; got != c.columns || info.Format != c.format || info.Rows != len(rows) {
			t.Errorf("%s: %+v, want columns %s", c.name, info, c.columns)
		}
	}
}

// Columns that look like splits are told, never used unasked.
func TestSplitColumnsAreTold(t *testing.T) {
	for list, want := range map[string]string{
		"path,label,Split\na.jpg,x,train\n":               "Split",
		`[{"path":"a.jpg","label":"x","subset":"train"}]`: "subset",
		cvat:                                 "subset",
		"path,label,remark\na.jpg,x,train\n": "",
		`{"path":"a.jpg","label":"x","splits":"train"}` + "": "",
	} {
		_, info, err := rowsOf(t, list, Options{})
		if got := strings.Join(info.SplitColumns, ","); err != nil || got != want {
			t.Errorf("%.40s: %q, %v, want %q", list, got, err, want)
		}
	}
}

// What is no list of labels is an error that says why.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		list string
		opt  Options
		want string
	}{
		{"", Options{}, "it is empty"},
		{" \n\n", Options{}, "it is empty"},
		{"path,label\n", Options{}, "it has no rows"},
		{"a\x00b", Options{}, "it is not text"},
		{"x,y,z\n1,2,3\n", Options{}, `which of its columns is the path? It has "x", "y", "z"`},
		{"id,y1,z\n1,2,3\n", Options{}, `which of its columns is the label? It has "id", "y1", "z"`},
		{"id,label\n1,2\n", Options{LabelColumn: "breed"}, `it has no column "breed" for the label: its columns are "id", "label"`},
		{"id,label\n1,2\n", Options{SplitColumn: "set"}, `it has no column "set" for the split`},
		{"id,label\n1,2\n3\n", Options{}, "line 3 has only 1 columns"},
		{"id,label\n,2\n", Options{}, "line 2 has no path"},
		{"id,label\n1,\xe9\n", Options{}, "line 2: the label"},
		{"id,label\n1,\"x\n", Options{}, "extraneous or missing"},
		{"image,a,b\n1,0,1\n2,0,5\n", Options{}, `line 3 has "5" in column "b"`},
		{"id,label\n" + strings.Repeat("x", 9<<20) + ",y\n", Options{}, "a row of more than"},
		{`{"file_name":"a.jpg","label":"x"}` + "\n" + `{"file_name":"b`, Options{}, "it ends within record 2"},
		{`{"file_name":"a.jpg","label":{"x":1}}`, Options{}, "record 1: the label is an object"},
		{`{"file_name":"a.jpg","caption":"x","n":1}`, Options{}, "which of its columns is the label"},
		{`[1]`, Options{}, "record 1"},
		{`[{"path":"a","label":"x"}`, Options{}, "it ends within"},
		{`{"images":[{"id":1,"file_name":"a"}],` + "\n" + `"categories":[]}`, Options{}, `COCO's would have "annotations"`},
		{`{"images":[],"annotations":[{"image_id":1,"caption":"x"}],"categories":[]}`, Options{}, "captions and the like"},
		{`{"images":[],"annotations":[{"image_id":1,"category_id":1}],"categories":[]}`, Options{}, `of image "1", which is not there`},
		{`{"images":[{"id":1,"file_name":"a"}],"annotations":[{"image_id":1,"category_id":1}],"categories":[]}`, Options{}, `has category "1", which has no name`},
		{`<html><body>`, Options{}, "begins with <html>"},
		{`<annotations><image name="a">`, Options{}, "it ends within photo 1"},
		{`<annotations><image name="a"><box label="x"/></image></annotations>`, Options{}, "shapes on 1 photos, but no tags"},
		{`<annotations>` + strings.Repeat("<a>", 200), Options{}, "nested more than"},
		{`<?xml version="1.0" encoding="koi8-r"?><annotations/>`, Options{}, "save it as UTF-8"},
		{strings.Replace(labelStudio, `"from_name":"animal","value":{"choices":["dog","cat"]}`, `"from_name":"mood","value":{"choices":["calm"]}`, 1), Options{},
			`which of its columns is the label? It has "animal", "mood"`},
	} {
		_, _, err := rowsOf(t, c.list, c.opt)
		if !errors.Is(err, ErrList) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%.60q: error %v, want %s", c.list, err, c.want)
		}
	}
}

// An error of the caller ends reading and comes back as it is.
func TestCallerEndsReading(t *testing.T) {
	stop := errors.New("stop")
	for _, list := range []string{"id,label\n1,a\n2,b\n", coco, cvat, labelStudio, `{"path":"a","label":"x"}`, "image,a,b\n1,0,1\n"} {
		n := 0
		_, err := Read(strings.NewReader(list), Options{}, func(Row) error { n++; return stop })
		if err != stop || n != 1 {
			t.Errorf("%.30s: %v after %d rows", list, err, n)
		}
	}
}

// Label Studio's questions are told apart by the column asked for.
func TestQuestions(t *testing.T) {
	two := strings.Replace(labelStudio, `{"type":"rectanglelabels","value":{}}`, `{"type":"choices","from_name":"mood","value":{"choices":["calm"]}}`, 1)
	rows, info, err := rowsOf(t, two, Options{LabelColumn: "mood", SplitColumn: "set"})
	want := []string{"1a2b3c4d-cat_1.jpg=calm cat_1.jpg train", "pets/dog 1.jpg=", "pets/3.jpg="}
	if err != nil || !slices.Equal(rows, want) || info.LabelColumn != "mood" {
		t.Errorf("%q, %+v, %v", rows, info, err)
	}
}
