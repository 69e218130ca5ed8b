// Package ownsplit puts photos into the splits that their owner wants, instead of
// those that a store's policy gives them: from a list of paths, or from folders named
// after splits.
//
// A split belongs to bytes, not to a path: a copy of a photo is always in the
// photo's split. So photos with the same bytes that are wanted in two splits are a
// leak, training on what is tested later. Check reports leaks as a LeakError, and
// Set changes nothing if there is one.
//
// What Set has set holds until it is set anew or Clear gives everything back to the
// policy; it holds for bytes that come into the store later too. Photos that nobody
// wants anywhere follow the policy.
//
// SetGroups puts groups of photos that belong together, such as those of one burst or
// patient, each into one split. The store keeps their splits, not the groups.
package ownsplit
