package split_test

import (
	"fmt"
	"strings"

	"featstore/split"
)

func Example() {
	digest, size, err := split.Sum(strings.NewReader("the bytes of a photo"))
	if err != nil {
		panic(err)
	}
	fmt.Println(digest.Short(), size, "bytes")
	fmt.Println(split.DefaultPolicy().Assign(digest))
	// Output:
	// c1fb0fd6caaa 20 bytes
	// validation
}
