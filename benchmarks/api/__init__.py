"""What one API process answers under many callers at once."""
