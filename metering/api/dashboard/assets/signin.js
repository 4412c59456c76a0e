// Submits a sign-in link automatically. Without scripts the button does it.
document.getElementById("by-code")?.submit();
