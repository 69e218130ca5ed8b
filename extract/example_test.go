package extract_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"featstore/extract"
)

// A photo becomes a bottleneck of the embedded network, here run on small input.
func Example() {
	network, err := extract.Default(64)
	if err != nil {
		log.Fatal(err)
	}
	extractor, err := network.NewExtractor() // one per goroutine
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Open("photo/testdata/resize/wide_source.png")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	bottleneck, err := extractor.Extract(context.Background(), file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(network.Info().Name, network.Info().ID)
	fmt.Println(len(bottleneck), "features")
	// Output:
	// efficientnet-lite0 23f7d25499f53b35
	// 1280 features
}

// A network of one's own is looked at before it is used: what it takes, where it is
// tapped, and whether anything about it still has to be said. OpenModel reads others.
func ExampleModelFile_Inspect() {
	model, err := extract.DefaultModel()
	if err != nil {
		log.Fatal(err)
	}
	var request extract.Manifest
	if err := request.SetAll("size=224"); err != nil {
		log.Fatal(err)
	}
	r := model.Inspect(request)
	fmt.Println(r.Inputs[0].Name, r.Inputs[0].Dims, r.Layout)
	fmt.Println(r.Tap, r.TapShape, r.Plan.Features, "features")
	fmt.Println(r.PreprocessText)
	fmt.Println("unsupported:", r.Unsupported)
	// Output:
	// input [N 3 H W] nchw
	// bottleneck [1 1280] 1280 features
	// 224×224, central square, bicubic with antialiasing, large JPEGs at reduced size, (pixel − 127) / 128, RGB
	// unsupported: []
}
