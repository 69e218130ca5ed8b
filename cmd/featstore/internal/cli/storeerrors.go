package cli

// storeExitCode maps the store's own errors to exit codes.
func storeExitCode(error) int { return exitFailure }

// storeHint says what to do about the store's own errors.
func storeHint(error) string { return "" }
