"""What a run holds for likelier: true sentences beside false ones, what is there beside what is not."""
