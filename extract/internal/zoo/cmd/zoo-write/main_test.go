package main

import (
	"os"
	"path/filepath"
	"testing"

	"featstore/extract/internal/onnx"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "net.onnx")
	if err := write("resnext50-dynamo", file, true); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Parse(data, onnx.Options{External: os.DirFS(dir)})
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Outputs) != 2 || g.Outputs[1].Name != "bottleneck" {
		t.Errorf("outputs %v: the bottleneck is wanted among them", g.Outputs)
	}
	if err := write("no-such-net", file, false); err == nil {
		t.Error("an unknown network is written")
	}
}
