package cutcache_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"featstore/split"
	"featstore/store/cutcache"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c, err := cutcache.Open(filepath.Join(dir, "features.db.cut"), cutcache.Options{Limit: 10e9})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	k := cutcache.Key{Model: "a1b2c3", Cut: "block10.add", Photo: split.SumBytes([]byte("a photo's bytes"))}
	x := make([]float32, 4)
	for range 2 {
		there, err := c.Get(k, x)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(there, x)
		if !there {
			x = []float32{0, 0.1, 1, 1234.5} // computed by the network
			if err := c.Put(k, x); err != nil {
				log.Fatal(err)
			}
		}
	}
	// Output:
	// false [0 0 0 0]
	// true [0 0.099975586 1 1234]
}
