"""What the stages of the pipeline and the command `denoise` share."""
