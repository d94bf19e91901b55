"""What a second field of view around each tile adds, on composed slides."""
