"""What is measured, on arrays: predictions in, figures with their intervals out. No pictures, no pages."""
