"""What the API says that has no meaning outside HTTP; the rest are contracts."""
