"""Other processes: started, listened to, their processor time, their end."""
