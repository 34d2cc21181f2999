package client

// LimitCacheFiles sets another limit than MaxCacheFiles; it comes after WithCacheDir.
func LimitCacheFiles(n int) Option {
	return func(r *Registry) error { r.disk.max = n; return nil }
}
